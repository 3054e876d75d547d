// Reads a watched value of the call engine in a component.
import { useSyncExternalStore } from "react";
import type { Watched } from "../../call/emitter";

export function useWatched<T>(watched: Watched<T>): T {
  return useSyncExternalStore(watched.subscribe, watched.get);
}
