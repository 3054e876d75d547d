// Loads something for a page, again on demand and when the window comes back to the front. A door that says that
// nobody is signed in leads to the sign-in.
import { useCallback, useEffect, useState } from "react";
import { codeOf, type Failure } from "../../api/client";
import { goToSignIn, setAccount } from "../../session";

export interface Loaded<T> {
  data: T | null;
  failure: Failure | null;
  reload(): void;
  set(data: T): void;
}

/** `load` must keep its identity (useCallback or a function of the module). */
export function useLoaded<T>(load: (signal: AbortSignal) => Promise<T>): Loaded<T> {
  const [data, setData] = useState<T | null>(null);
  const [failure, setFailure] = useState<Failure | null>(null);
  const [round, setRound] = useState(0);

  // biome-ignore lint/correctness/useExhaustiveDependencies: a new round loads again
  useEffect(() => {
    const abort = new AbortController();
    load(abort.signal).then(
      (loaded) => {
        if (abort.signal.aborted) return;
        setData(loaded);
        setFailure(null);
      },
      (error: unknown) => {
        if (abort.signal.aborted) return;
        const code = codeOf(error);
        if (code === "sign_in_required") {
          setAccount(null);
          goToSignIn();
        } else setFailure(code);
      },
    );
    return () => abort.abort();
  }, [load, round]);

  const reload = useCallback(() => setRound((n) => n + 1), []);
  useEffect(() => {
    const visible = () => document.visibilityState === "visible" && reload();
    document.addEventListener("visibilitychange", visible);
    return () => document.removeEventListener("visibilitychange", visible);
  }, [reload]);

  return { data, failure, reload, set: setData };
}
