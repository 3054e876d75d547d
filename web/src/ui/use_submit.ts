// One request at a time from a form or button: busy while it runs, the code of its refusal afterwards. After a refusal
// the focus goes to the first field with an error, so that readers hear what is wrong.
import { useCallback, useEffect, useRef, useState } from "react";
import { codeOf, type Failure } from "../api/client";

export interface Submit {
  busy: boolean;
  failure: Failure | null;
  run(work: () => Promise<void>): Promise<void>;
  refuse(code: Failure): void;
}

export function useSubmit(): Submit & { form: React.RefObject<HTMLFormElement | null> } {
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<Failure | null>(null);
  const running = useRef(false);
  const form = useRef<HTMLFormElement>(null);

  const run = useCallback(async (work: () => Promise<void>) => {
    if (running.current) return;
    running.current = true;
    setBusy(true);
    setFailure(null);
    try {
      await work();
    } catch (error) {
      setFailure(codeOf(error));
    } finally {
      running.current = false;
      setBusy(false);
    }
  }, []);

  useEffect(() => {
    if (failure) form.current?.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus();
  }, [failure]);

  return { busy, failure, run, refuse: setFailure, form };
}
