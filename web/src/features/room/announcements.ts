// Says aloud, politely and gathered, what happens in the room: who came, went, raised a hand, waits, shows. Chat
// is read by its own log while it is open, and from here while it is closed.
import { useEffect, useRef } from "react";
import type { Happening } from "../../call/room_store";
import { m } from "../../i18n/m";
import { announce } from "../../ui/announcer";
import { useWatched } from "../prejoin/watched";
import type { RoomCall } from "./context";

export function spoken(happening: Happening): string {
  const { name } = happening;
  switch (happening.kind) {
    case "came":
      return m.chat_came({ name });
    case "left":
      return happening.removed ? m.chat_removed({ name }) : m.chat_left({ name });
    case "hand":
      return `${m.chat_hand({ name })} (${happening.place})`;
    case "knocks":
      return m.chat_knocks({ name });
    case "shares":
      return m.chat_shares({ name });
    case "chat":
      return m.chat_says({ name, text: happening.text });
  }
}

export function useAnnouncements(call: RoomCall, chatOpen: boolean): void {
  const { happenings } = useWatched(call.room);
  const said = useRef(happenings.at(-1)?.id ?? 0);
  useEffect(() => {
    for (const happening of happenings) {
      if (happening.id <= said.current) continue;
      said.current = happening.id;
      if (happening.kind !== "chat" || !chatOpen) announce(`${spoken(happening)}.`);
    }
  }, [happenings, chatOpen]);
}
