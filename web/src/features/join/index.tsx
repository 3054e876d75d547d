// The two ways into a room: `/j#<secret>` for whoever has a link, `/r/:id` for people with an account. Finds out what
// is behind it and hands over to the room feature, which shows the pre-join. The secret stays in memory and fragment.
import { useEffect, useState } from "react";
import { ApiError, codeOf, type Failure } from "../../api/client";
import * as api from "../../api/endpoints";
import { m } from "../../i18n/m";
import type { MeetingProps } from "../../meeting";
import { navigate } from "../../router";
import { EntrancePage } from "../../ui/page";
import { RefusedPage } from "../errors";
import Meeting from "../meeting/Meeting";

type State =
  | { kind: "looking" }
  | { kind: "open"; meeting: MeetingProps }
  | { kind: "refused"; code: Failure };

/** 128 bit as base64url are 22 characters; anything much shorter was cut off while copying. */
const SECRET = /^[A-Za-z0-9_-]{16,64}$/;

async function byLink(secret: string, signal: AbortSignal): Promise<MeetingProps> {
  if (!SECRET.test(secret)) throw new ApiError("invitation_unknown", 0);
  const entrance = await api.look(secret, signal);
  return {
    entrance,
    account: false,
    join: (name) => api.joinByLink(secret, name),
    onHome: () => navigate("/"),
  };
}

async function byAccount(id: string, signal: AbortSignal): Promise<MeetingProps> {
  const { account } = await api.session(signal);
  if (!account) throw new ApiError("sign_in_required", 401);
  const [room, organisation] = await Promise.all([api.room(id, signal), api.organisation()]);
  return {
    entrance: {
      room: room.id,
      name: room.settings.name,
      role: account.role === "admin" ? "admin" : "trainer",
      lobby: false,
      people: room.people,
      organisation,
      known_as: account.name,
    },
    account: true,
    join: (name) => api.joinAsAccount(id, name === account.name ? null : name),
    onHome: () => navigate("/admin/rooms"),
  };
}

/** With `id` the way for accounts, without it the way by link. */
export default function JoinPage({ id }: { id?: string }) {
  const [state, setState] = useState<State>({ kind: "looking" });
  const [attempt, setAttempt] = useState(0);

  // biome-ignore lint/correctness/useExhaustiveDependencies: a new attempt looks again
  useEffect(() => {
    const abort = new AbortController();
    setState({ kind: "looking" });
    const looking =
      id === undefined ? byLink(location.hash.slice(1), abort.signal) : byAccount(id, abort.signal);
    looking.then(
      (meeting) => !abort.signal.aborted && setState({ kind: "open", meeting }),
      (error: unknown) => {
        if (abort.signal.aborted) return;
        const code = codeOf(error);
        if (code === "sign_in_required")
          navigate(`/sign-in?to=${encodeURIComponent(location.pathname)}`, { replace: true });
        else setState({ kind: "refused", code });
      },
    );
    return () => abort.abort();
  }, [id, attempt]);

  // Another link pasted over this one changes only the fragment, which loads no new page.
  useEffect(() => {
    const again = () => setAttempt((n) => n + 1);
    window.addEventListener("hashchange", again);
    return () => window.removeEventListener("hashchange", again);
  }, []);

  if (state.kind === "refused") {
    const again = [
      "unreachable",
      "overloaded",
      "shutting_down",
      "too_many",
      "internal",
      "room_full",
    ].includes(state.code);
    return (
      <RefusedPage
        title={state.code === "unreachable" ? m.join_unreachable_title() : m.join_failed_title()}
        code={state.code}
        {...(again ? { again: () => setAttempt((n) => n + 1) } : {})}
      />
    );
  }
  if (state.kind === "looking") {
    return (
      <EntrancePage>
        <p role="status">{m.join_opening()}</p>
      </EntrancePage>
    );
  }
  return <Meeting {...state.meeting} />;
}
