//! Which simulcast layer a viewer gets: the smallest that fills the tile, as far as the viewer's path carries it.
//! Pure functions; called by a room when a wish, a layer or a budget has changed.

/// What is known of a layer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Layer {
    /// Whether packets of it came lately.
    pub(crate) active: bool,
    /// The picture's height, where the codec tells it easily.
    pub(crate) height: Option<u16>,
    /// What it needs.
    pub(crate) bps: u64,
    /// There is one of the same size with more pictures in a second.
    pub(crate) slow: bool,
}

/// One picture that a viewer wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// The layers on offer, as the publication numbers them.
    pub(crate) layers: Vec<Layer>,
    /// How high it is drawn.
    pub(crate) height_px: u16,
}

/// The active layers from small to large. Those with fewer pictures in a second are steps below the smallest size only:
/// a viewer loses size first, then movement (M6).
fn ladder(layers: &[Layer]) -> Vec<u8> {
    let mut ladder: Vec<u8> = (0..).zip(layers).filter(|(_, layer)| layer.active).map(|(index, _)| index).collect();
    let known = ladder.iter().all(|index| layers[usize::from(*index)].height.is_some());
    // By height where all are known (a still picture has no bitrate worth comparing), by bitrate otherwise.
    ladder.sort_by_key(|index| {
        let layer = layers[usize::from(*index)];
        (if known { u64::from(layer.height.unwrap_or(0)) } else { layer.bps }, u64::from(!layer.slow) * layer.bps)
    });
    let smallest = ladder.first().and_then(|index| layers[usize::from(*index)].height);
    ladder.retain(|index| {
        let layer = layers[usize::from(*index)];
        !layer.slow || layer.height == smallest
    });
    ladder
}

/// The step of the ladder that fills the tile.
fn best(wanted: &Wanted, ladder: &[u8]) -> usize {
    let top = ladder.len().saturating_sub(1);
    let enough = |place: usize| match wanted.layers[usize::from(ladder[place])].height {
        // Up to a quarter may be scaled up; the eye does not see it, the network does.
        Some(height) => u32::from(height) * 5 >= u32::from(wanted.height_px) * 4,
        // Unknown: browsers halve from layer to layer, and cameras send 720 lines.
        None => 720_u32 >> (top - place) >= u32::from(wanted.height_px) * 4 / 5,
    };
    let slow = |place: usize| wanted.layers[usize::from(ladder[place])].slow;
    (0..top).find(|place| enough(*place) && !slow(*place)).unwrap_or(top)
}

/// What these layers need together.
pub(crate) fn need(wanted: &[Wanted], chosen: &[Option<u8>]) -> u64 {
    let bps = |(picture, layer): (&Wanted, &Option<u8>)| Some(picture.layers.get(usize::from((*layer)?))?.bps);
    wanted.iter().zip(chosen).filter_map(bps).sum()
}

/// The layers to send: those of `current` as long as they fit into `now_bps` and nothing asks for others, else the best
/// within `steady_bps`, which is what has been there for a while. So a choice goes down at once and up late.
pub(crate) fn keep_or_choose(
    wanted: &[Wanted],
    current: &[Option<u8>],
    now_bps: Option<u64>,
    steady_bps: Option<u64>,
) -> Vec<Option<u8>> {
    let steady = steady_bps.map(|bps| bps.min(now_bps.unwrap_or(u64::MAX)));
    let best = choose(wanted, steady);
    let Some(now) = now_bps else { return best };
    let full = choose(wanted, None);
    // Still the same pictures, none larger than its tile, all of them coming.
    let stands = current.len() == best.len()
        && current.iter().zip(&best).all(|(current, best)| current.is_some() == best.is_some())
        && wanted.iter().zip(current).zip(&full).all(|((picture, current), full)| match (current, full) {
            (Some(current), Some(full)) => {
                let layer = |index: &u8| picture.layers.get(usize::from(*index)).copied().unwrap_or_default();
                // As long as no bitrates are known, few pictures in a second are no saving.
                let unknown = layer(current).slow && layer(current).bps == 0;
                layer(current).active && !unknown && layer(current).bps <= layer(full).bps
            }
            (None, _) => true,
            (Some(_), None) => false,
        });
    let need_now = need(wanted, current);
    if stands && need(wanted, &best) <= need_now && need_now <= now + now / 20 { current.to_vec() } else { best }
}

/// The layer for each picture within `budget_bps` (`None`: no limit is known). Everybody's smallest layer first, then
/// steps up, the largest tile first. Where not even the smallest layers fit, the smallest tiles get none: sound comes
/// before pictures (PRODUCT M6).
pub(crate) fn choose(wanted: &[Wanted], budget_bps: Option<u64>) -> Vec<Option<u8>> {
    let ladders: Vec<Vec<u8>> = wanted.iter().map(|picture| ladder(&picture.layers)).collect();
    let bps = |picture: usize, place: usize| wanted[picture].layers[usize::from(ladders[picture][place])].bps;
    let mut places: Vec<Option<usize>> = wanted
        .iter()
        .zip(&ladders)
        .map(|(picture, ladder)| (!ladder.is_empty()).then(|| best(picture, ladder)))
        .collect();
    if let Some(budget) = budget_bps {
        let targets = places.clone();
        for place in places.iter_mut().flatten() {
            *place = 0;
        }
        let mut used: u64 = places.iter().enumerate().filter_map(|(p, place)| Some(bps(p, (*place)?))).sum();
        let mut order: Vec<usize> = (0..wanted.len()).collect();
        order.sort_by_key(|picture| std::cmp::Reverse(wanted[*picture].height_px));
        for &picture in order.iter().rev() {
            if used > budget
                && let Some(place) = places[picture].take()
            {
                used -= bps(picture, place);
            }
        }
        for step in 1..ladders.iter().map(Vec::len).max().unwrap_or(1) {
            for &picture in &order {
                let (Some(place), Some(target)) = (places[picture], targets[picture]) else { continue };
                if place + 1 != step || target < step {
                    continue;
                }
                let more = bps(picture, step).saturating_sub(bps(picture, place));
                if used + more <= budget {
                    used += more;
                    places[picture] = Some(step);
                }
            }
        }
    }
    places.iter().zip(&ladders).map(|(place, ladder)| place.map(|place| ladder[place])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn camera(height_px: u16) -> Wanted {
        let layer = |height, bps| Layer { active: true, height: Some(height), bps, slow: false };
        // Not in order of size: rids may be named in any.
        Wanted { layers: vec![layer(720, 1_500_000), layer(180, 120_000), layer(360, 500_000)], height_px }
    }

    #[test]
    fn the_smallest_that_fills_the_tile() {
        for (px, layer) in [(100, 1), (180, 1), (220, 1), (300, 2), (440, 2), (600, 0), (2_000, 0)] {
            assert_eq!(choose(&[camera(px)], None), [Some(layer)], "{px}");
        }
        let mut lower = camera(720);
        lower.layers[0].active = false;
        assert_eq!(choose(&[lower], None), [Some(2)], "what does not come is not waited for");
        assert_eq!(choose(&[Wanted { layers: vec![Layer::default()], height_px: 100 }], None), [None]);
    }

    #[test]
    fn without_heights_bitrate_tells_the_order() {
        let mut wanted = camera(200);
        for layer in &mut wanted.layers {
            layer.height = None;
        }
        assert_eq!(choose(std::slice::from_ref(&wanted), None), [Some(1)]);
        wanted.height_px = 720;
        assert_eq!(choose(&[wanted], None), [Some(0)]);
    }

    #[test]
    fn a_small_path_gives_everybody_a_small_picture_first() {
        let wanted = [camera(180), camera(720), camera(360)];
        assert_eq!(choose(&wanted, Some(400_000)), [Some(1), Some(1), Some(1)]);
        assert_eq!(choose(&wanted, Some(300_000)), [None, Some(1), Some(1)], "the smallest tile goes first");
        assert_eq!(choose(&wanted, Some(100_000)), [None, None, None], "sound comes before pictures");
        assert_eq!(choose(&wanted, Some(800_000)), [Some(1), Some(2), Some(1)]);
        assert_eq!(choose(&wanted, Some(10_000_000)), choose(&wanted, None));
    }

    /// M6: size goes first, then movement; with room for it, all pictures in a second are taken at once.
    #[test]
    fn fewer_pictures_in_a_second_are_the_last_step_down() {
        let layer = |height, bps, slow| Layer { active: true, height: Some(height), bps, slow };
        let layers = vec![
            layer(180, 60_000, true),
            layer(180, 100_000, false),
            layer(360, 250_000, true),
            layer(360, 400_000, false),
        ];
        let small = Wanted { layers: layers.clone(), height_px: 180 };
        let large = Wanted { layers, height_px: 360 };
        assert_eq!(choose(&[small.clone(), large.clone()], None), [Some(1), Some(3)]);
        for (budget, chosen) in [(600_000, 3), (399_000, 1), (250_000, 1), (99_000, 0)] {
            assert_eq!(choose(std::slice::from_ref(&large), Some(budget)), [Some(chosen)], "{budget}");
        }
        assert_eq!(choose(std::slice::from_ref(&large), Some(59_000)), [None], "sound comes before pictures");
        assert_eq!(choose(&[small, large], Some(165_000)), [Some(0), Some(1)], "the larger tile moves first");
    }

    #[test]
    fn a_choice_stands_while_it_fits_and_rises_when_more_has_lasted() {
        let wanted = [camera(720), camera(360)];
        let high = [Some(0), Some(2)];
        assert_eq!(keep_or_choose(&wanted, &high, Some(1_950_000), Some(1_700_000)), high, "5 % over is still fitting");
        assert_eq!(keep_or_choose(&wanted, &high, Some(1_800_000), Some(1_800_000)), [Some(2), Some(2)]);
        let low = [Some(2), Some(1)];
        assert_eq!(keep_or_choose(&wanted, &low, Some(3_000_000), Some(900_000)), low, "not for long enough yet");
        assert_eq!(keep_or_choose(&wanted, &low, Some(3_000_000), Some(3_000_000)), high);
        assert_eq!(keep_or_choose(&wanted, &[None, None], None, None), high);
        let smaller = [camera(180), camera(360)];
        assert_eq!(keep_or_choose(&smaller, &high, Some(9_000_000), Some(9_000_000)), [Some(1), Some(2)]);
        let layer = |slow| Layer { active: true, height: Some(180), bps: 0, slow };
        let new = [Wanted { layers: vec![layer(true), layer(false)], height_px: 180 }];
        assert_eq!(keep_or_choose(&new, &[Some(0)], Some(960_000), Some(960_000)), [Some(1)], "nothing is known yet");
    }

    proptest! {
        /// Within the budget.
        #[test]
        fn never_above_the_budget(sizes in proptest::collection::vec(0_u16..1_100, 0..9), budget in 0_u64..20_000_000) {
            let wanted: Vec<Wanted> = sizes.iter().map(|px| camera(*px)).collect();
            let chosen = choose(&wanted, Some(budget));
            let need: u64 = chosen.iter().flatten().map(|layer| camera(0).layers[usize::from(*layer)].bps).sum();
            prop_assert!(need <= budget);
        }
    }
}
