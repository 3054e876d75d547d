// What the entrance pages (`/j` by link, `/r/:id` with an account) hand to the meeting: which room, under which
// circumstances, and how to go in. The one seam between the two halves of the client.
import type { Entrance, Joined } from "./wire/types";

export interface MeetingProps {
  entrance: Entrance;
  /** Whether one is signed in; otherwise one is a guest by link. */
  account: boolean;
  /** Goes in under this name. Throws `ApiError`. */
  join(name: string): Promise<Joined>;
  /** Back out, after leaving: the rooms for people with an account, the start page for guests. */
  onHome(): void;
}
