// The whole client: which address shows which page, each page loaded when it is needed. Draws everything again when
// the language changes, so no component has to subscribe to it.
import { type ComponentType, lazy, Suspense } from "react";
import { CrashGuard, NotFoundPage } from "./features/errors";
import { useLanguage } from "./i18n/language";
import { m } from "./i18n/m";
import { match, usePath } from "./router";
import { LiveRegions } from "./ui/announcer";
import { Toasts } from "./ui/toast";

type Page = ComponentType<Record<string, string>>;
const page = (load: () => Promise<{ default: ComponentType<never> }>): Page =>
  lazy(load as () => Promise<{ default: Page }>);

const ROUTES: readonly (readonly [pattern: string, page: Page])[] = [
  ["/", page(() => import("./features/entry/home"))],
  ["/sign-in", page(() => import("./features/entry/sign_in"))],
  ["/setup", page(() => import("./features/entry/setup"))],
  ["/invite", page(() => import("./features/entry/invite"))],
  ["/admin", page(() => import("./features/admin/rooms"))],
  ["/admin/rooms", page(() => import("./features/admin/rooms"))],
  ["/admin/rooms/:id", page(() => import("./features/admin/room"))],
  ["/admin/people", page(() => import("./features/admin/people"))],
  ["/admin/organisation", page(() => import("./features/admin/organisation"))],
  ["/pad/:id", page(() => import("./features/pad/page"))],
  ["/browsers", page(() => import("./features/info/browsers"))],
  ["/privacy", page(() => import("./features/info/privacy"))],
  ["/j", page(() => import("./features/join"))],
  ["/r/:id", page(() => import("./features/join"))],
];

/** Quiet on purpose: on a good line it stands for a blink. */
function Loading() {
  return (
    <p className="loading" role="status">
      {m.loading()}
    </p>
  );
}

function Routed() {
  const path = usePath();
  for (const [pattern, Shown] of ROUTES) {
    const found = match(pattern, path);
    if (found) return <Shown key={path} {...found} />;
  }
  return <NotFoundPage />;
}

export function App() {
  useLanguage();
  return (
    <>
      <CrashGuard>
        <Suspense fallback={<Loading />}>
          <Routed />
        </Suspense>
      </CrashGuard>
      <Toasts />
      <LiveRegions />
    </>
  );
}
