// From the pre-join to the leaving page: which of them is shown. The entrance pages load this and hand over the meeting;
// the room itself is a piece of its own, fetched while the person looks into the mirror.
import { lazy, Suspense, useEffect, useState } from "react";
import { ticket } from "../../api/endpoints";
import { Call } from "../../call/call";
import { Devices } from "../../call/devices";
import type { MeetingProps } from "../../meeting";
import { Leave } from "../leave";
import { Connecting, Lobby } from "../lobby";
import { type Entering, Prejoin } from "../prejoin";
import { useWatched } from "../prejoin/watched";

const loadRoom = () => import("../room/room_page");
const RoomPage = lazy(loadRoom);

/** Pictures that a screen can show at once: a phone draws fewer. */
const picturesFor = (width_px: number): number => (width_px < 768 ? 4 : 9);

function CallPages(props: { call: Call; name: string; meeting: MeetingProps; onAgain(): void }) {
  const { call, meeting } = props;
  const room = useWatched(call.room);
  const title = room.name || meeting.entrance.name;
  if (room.phase === "ended") {
    const home = meeting.account ? meeting.onHome : null;
    return <Leave reason={room.ended ?? "left"} room={title} onHome={home} onAgain={props.onAgain} />;
  }
  if (room.phase === "waiting") return <Lobby call={call} title={title} name={props.name} />;
  const connecting = <Connecting title={title} lost={room.connection === "lost"} />;
  if (room.phase === "connecting") return connecting;
  return (
    <Suspense fallback={connecting}>
      <RoomPage call={call} />
    </Suspense>
  );
}

export default function Meeting(props: MeetingProps) {
  const [devices] = useState(() => new Devices());
  const [inside, setInside] = useState<{ call: Call; name: string } | null>(null);
  /** The name of the last time, when one comes back from the leaving page. */
  const [name, setName] = useState<string | null>(null);

  useEffect(() => {
    devices.attach();
    return () => devices.dispose();
  }, [devices]);

  useEffect(() => {
    // Fetched now, so that the click on "Eintreten" does not wait for it. A failure shows when it is really needed.
    loadRoom().catch(() => {});
  }, []);

  // Another page of the client was opened: the call must not go on unseen.
  useEffect(() => () => inside?.call.leave(), [inside]);

  const enter = ({ joined, name, microphone, camera }: Entering) => {
    setName(name);
    const call = new Call({
      joined,
      devices,
      microphone,
      camera,
      pictures: picturesFor(window.innerWidth),
      fetchTicket: async () => (await ticket(joined.room)).ticket,
    });
    call.start();
    setInside({ call, name });
  };

  if (!inside) {
    const known_as = name ?? props.entrance.known_as;
    return (
      <Prejoin
        meeting={{ ...props, entrance: { ...props.entrance, known_as } }}
        devices={devices}
        onEntered={enter}
      />
    );
  }
  return <CallPages call={inside.call} name={inside.name} meeting={props} onAgain={() => setInside(null)} />;
}
