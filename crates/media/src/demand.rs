//! What of each publication anybody looks at, so that its publisher stops sending the rest. A room notes what its
//! viewers want each time it assigns slots, and tells changes: more at once, less only after a moment, so that turning
//! a page and back switches nothing off. Told the time.

use crate::command::Event;
use crate::connection::Connection;
use crate::layers::{self, Layer, Wanted};
use crate::outbox::Outbox;
use crate::publication::Publication;
use crate::room::Room;
use crate::slab::{Key, Slab};
use model::limits;
use std::time::{Duration, Instant};

/// So long nobody must have wanted something before its publisher is told to stop sending it.
const LESS_AFTER: Duration = Duration::from_secs(1);
/// The heights that are told: a viewer who drags a window must not keep the publisher busy.
const HEIGHTS_PX: [u16; 6] = [180, 360, 540, 720, 1_080, 2_160];

/// What is wanted: layers by their numbers, and the greatest height at which anybody draws the picture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Need {
    layers: u8,
    height_px: u16,
}

impl Need {
    fn all(layers: usize) -> Self {
        Self { layers: u8::MAX >> (8 - layers.clamp(1, 8)), height_px: HEIGHTS_PX[HEIGHTS_PX.len() - 1] }
    }

    fn with(self, other: Self) -> Self {
        Self { layers: self.layers | other.layers, height_px: self.height_px.max(other.height_px) }
    }
}

/// What is wanted of one publication. Part of it.
#[derive(Debug, Default)]
pub(crate) struct Demand {
    need: Need,
    /// What the publisher was told; `None`: nothing yet, or its source was off since.
    told: Option<Need>,
    less_since: Option<Instant>,
    /// What each layer needs when it comes.
    usual_bps: [u64; limits::MEDIA_LAYERS_MAX],
}

impl Demand {
    /// Begins to gather anew.
    pub(crate) fn gather(&mut self) {
        self.need = Need::default();
    }

    fn want(&mut self, layer: u8, height_px: u16) {
        let height_px = HEIGHTS_PX.into_iter().find(|step| *step >= height_px).unwrap_or(HEIGHTS_PX[5]);
        self.need = self.need.with(Need { layers: 1 << layer, height_px });
    }

    /// What the publisher has to be told now. `smallest`: the layer that viewers fall back on, which comes as long as
    /// anybody looks. A source that is off is told nothing; when it is on again it begins with everything, so that
    /// the first picture waits for nobody.
    fn settle(&mut self, now: Instant, layers: usize, smallest: u8, live: bool) -> Option<Need> {
        if !live {
            (self.told, self.less_since) = (None, None);
            return None;
        }
        let Some(told) = self.told else {
            self.told = Some(Need::all(layers));
            return self.told;
        };
        let mut need = self.need;
        if need.layers != 0 {
            need.layers |= 1 << smallest;
        }
        let most = told.with(need);
        if most != told {
            self.less_since = None;
            self.told = Some(most);
            return self.told;
        }
        if need == told {
            self.less_since = None;
            return None;
        }
        let since = *self.less_since.get_or_insert(now);
        if now.saturating_duration_since(since) < LESS_AFTER {
            return None;
        }
        self.less_since = None;
        self.told = Some(need);
        self.told
    }

    /// What there would be to choose from if the publisher sent all of its layers (`whole`; `choices`: what there is,
    /// each with its layer's number): what does not come is taken for what it was when it last came, or for what
    /// browsers make of it (each layer twice as high as the one before).
    fn if_all_came(&self, whole: &[Layer], choices: impl Iterator<Item = (u8, Layer)>) -> Vec<Layer> {
        let heights = heights(whole);
        let mut all: Vec<Layer> = choices
            .map(|(number, choice)| {
                let height = choice.height.or_else(|| heights.get(usize::from(number)).copied()).unwrap_or(0);
                let usual_bps = self.usual_bps.get(usize::from(number)).copied().unwrap_or(0);
                let bps = if choice.active && choice.bps > 0 { choice.bps } else { usual_bps };
                let guess_bps = u64::from(height) * u64::from(height) * 4;
                let bps = if bps > 0 { bps } else { guess_bps };
                Layer { active: true, height: Some(height), bps, slow: choice.slow }
            })
            .collect();
        if let ([only], [layer]) = (&mut all[..], whole) {
            only.height = layer.height;
        }
        all
    }
}

/// The height of each layer, guessed where it is not known.
fn heights(layers: &[Layer]) -> [u16; limits::MEDIA_LAYERS_MAX] {
    let known: Vec<(usize, u16)> = (0..).zip(layers).filter_map(|(at, layer)| Some((at, layer.height?))).collect();
    let falling = known.windows(2).any(|pair| pair[0].1 > pair[1].1);
    let count = layers.len();
    // Places on a ladder from small to large.
    let place = |at: usize| if falling { count - 1 - at } else { at } as i32;
    let (at, height) = known.first().map_or((place(count - 1), 720), |(at, height)| (place(*at), *height));
    std::array::from_fn(|layer| match layers.get(layer) {
        Some(Layer { height: Some(height), .. }) => *height,
        Some(_) => match place(layer) - at {
            up if up > 0 => height.saturating_mul(1 << up.min(4)),
            down => height >> (-down).min(8),
        },
        None => 0,
    })
}

/// Notes what a viewer wants to see in its slots (`keys`: of which publications), and what they carry meanwhile. Gives
/// what it would choose from if its publishers sent everything.
pub(crate) fn note(
    connection: &Connection,
    keys: &[Option<Key>],
    wanted: &[Wanted],
    publications: &mut Slab<Publication>,
) -> Vec<Wanted> {
    let if_all_came: Vec<Wanted> = wanted
        .iter()
        .zip(keys)
        .map(|(wanted, key)| match key.and_then(|key| publications.get(key)) {
            Some(publication) => {
                let whole: Vec<Layer> = publication.layers.iter().map(crate::publication::Layer::choice).collect();
                let choices = publication.steps().map(|(number, _)| number).zip(wanted.layers.iter().copied());
                Wanted { layers: publication.demand.if_all_came(&whole, choices), ..wanted.clone() }
            }
            None => wanted.clone(),
        })
        .collect();
    let ideal = layers::choose(&if_all_came, connection.allowance.steady().or(connection.allowance.now()));
    for (((slot, key), choice), wanted) in connection.slots.iter().zip(keys).zip(ideal).zip(&if_all_came) {
        // What the path cannot carry now is wanted all the same in its smallest form: it has to be there when it can.
        let least = (0..).zip(&wanted.layers).min_by_key(|(_, layer)| layer.bps).map(|(choice, _)| choice);
        let (Some(key), Some(choice)) = (*key, choice.or(least)) else { continue };
        let Some(publication) = publications.get_mut(key) else { continue };
        let Some((layer, _)) = publication.step(choice) else { continue };
        publication.demand.want(layer, wanted.height_px);
        let carried = slot.video.as_ref().and_then(|stream| stream.current).filter(|origin| origin.publication == key);
        if let Some(origin) = carried {
            publication.demand.want(origin.layer, wanted.height_px);
        }
    }
    if_all_came
}

impl Room {
    /// Tells what has changed in what is wanted of whom.
    pub(crate) fn tell_demand(&mut self, now: Instant, out: &mut Outbox) {
        for (_, publication) in self.publications.iter_mut().filter(|(_, publication)| publication.video()) {
            for (usual_bps, layer) in publication.demand.usual_bps.iter_mut().zip(&publication.layers) {
                let bps = layer.choice().bps;
                if layer.active && bps > 0 {
                    *usual_bps = bps;
                }
            }
            let known: Vec<Layer> = publication.layers.iter().map(crate::publication::Layer::choice).collect();
            let heights = heights(&known);
            let smallest = (0..).zip(&known).min_by_key(|(at, _)| heights[usize::from(*at)]).map_or(0, |(at, _)| at);
            let Some(need) = publication.demand.settle(now, known.len(), smallest, publication.live) else { continue };
            let wanted = (0..).zip(&publication.layers).filter(|(at, _)| need.layers >> at & 1 == 1);
            let rids = wanted.filter_map(|(_, layer)| layer.rid.as_deref().map(str::to_owned)).collect();
            let (participant, source) = (publication.participant, publication.source);
            out.event(Event::Wanted { room: self.id, participant, source, rids, height_px: need.height_px });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Need = Need { layers: 0b111, height_px: 2_160 };

    fn layer(height: Option<u16>) -> Layer {
        Layer { active: false, height, bps: 0, slow: false }
    }

    #[test]
    fn more_at_once_less_after_a_moment() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut demand = Demand::default();
        assert_eq!(demand.settle(at(0), 3, 0, true), Some(ALL), "it begins with everything");
        assert_eq!(demand.settle(at(10), 3, 0, true), None);
        assert_eq!(demand.settle(at(900), 3, 0, true), None, "the moment is not over");
        assert_eq!(demand.settle(at(1_020), 3, 0, true), Some(Need::default()), "nobody looks");
        demand.want(2, 700);
        assert_eq!(demand.settle(at(1_030), 3, 0, true), Some(Need { layers: 0b101, height_px: 720 }), "at once");
        demand.gather();
        assert_eq!(demand.settle(at(1_040), 3, 0, true), None);
        demand.want(2, 640);
        assert_eq!(demand.settle(at(1_900), 3, 0, true), None, "back before the moment was over");
        demand.gather();
        assert_eq!(demand.settle(at(2_500), 3, 0, true), None, "the moment begins anew");
        assert_eq!(demand.settle(at(3_500), 3, 0, true), Some(Need::default()));
    }

    #[test]
    fn what_was_off_begins_with_everything() {
        let start = Instant::now();
        let mut demand = Demand::default();
        assert_eq!(demand.settle(start, 1, 0, true), Some(Need { layers: 1, height_px: 2_160 }));
        assert_eq!(demand.settle(start + LESS_AFTER, 1, 0, true), None);
        assert_eq!(demand.settle(start + LESS_AFTER * 2, 1, 0, true), Some(Need::default()));
        assert_eq!(demand.settle(start + LESS_AFTER * 3, 1, 0, false), None);
        assert_eq!(demand.settle(start + LESS_AFTER * 4, 1, 0, true), Some(Need { layers: 1, height_px: 2_160 }));
    }

    #[test]
    fn layers_that_do_not_come_have_a_likely_size() {
        let none = [layer(None), layer(None), layer(None)];
        assert_eq!(heights(&none), [180, 360, 720]);
        assert_eq!(heights(&[layer(Some(90)), layer(None), layer(None)]), [90, 180, 360]);
        assert_eq!(heights(&[layer(None), layer(None), layer(Some(1_080))]), [270, 540, 1_080]);
        assert_eq!(heights(&[layer(None), layer(Some(360)), layer(Some(180))]), [720, 360, 180]);
        assert_eq!(heights(&[layer(None), layer(None)]), [360, 720, 0]);
        let mut demand = Demand::default();
        let all = |demand: &Demand| demand.if_all_came(&none, (0..).zip(none));
        let large = Layer { active: true, height: Some(720), bps: 720 * 720 * 4, slow: false };
        assert_eq!(all(&demand)[2], large);
        demand.usual_bps = [0, 0, 1_500_000];
        assert_eq!(all(&demand)[2].bps, 1_500_000, "as it was when it last came");
        // Layers inside the largest: they are told apart by what they say themselves.
        let inside = [(1, layer(Some(360))), (2, Layer { active: true, bps: 9, ..layer(Some(90)) })];
        let found = demand.if_all_came(&none, inside.into_iter());
        assert_eq!((found[0].bps, found[1].bps, found[1].height), (360 * 360 * 4, 9, Some(90)));
    }
}
