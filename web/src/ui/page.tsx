// Frames for whole pages: the quiet entrance (brand, language, one thing in the middle, footer) that sign-in, set-up,
// join and error pages share. Sets the document's title and moves the focus to the heading when the page changes.
import { ArrowLeft, Globe, ShieldCheck } from "lucide-react";
import { type ReactNode, useEffect, useRef } from "react";
import { LANGUAGE_NAMES, LANGUAGES, type Language, setLanguage, useLanguage } from "../i18n/language";
import { m } from "../i18n/m";
import { Link } from "../router";
import { Beams, Brand } from "./brand";
import { Icon } from "./icon";
import { focusIsAdrift } from "./keep_focus";
import styles from "./page.module.css";

/** The page's `h1`. Takes the focus once when it appears after a change of page, so that readers hear where they are. */
export function Heading({
  children,
  title,
  className,
}: {
  children: ReactNode;
  title?: string;
  className?: string;
}) {
  const heading = useRef<HTMLHeadingElement>(null);
  const text = title ?? (typeof children === "string" ? children : "");
  useEffect(() => {
    document.title = text === "" || text === m.app_name() ? m.app_name() : `${text} · ${m.app_name()}`;
  }, [text]);
  useEffect(() => {
    // The first page keeps the browser's own order; a field that asked for the focus keeps it.
    if (navigated && focusIsAdrift()) heading.current?.focus();
    navigated = true;
  }, []);
  return (
    <h1 ref={heading} tabIndex={-1} className={className ? `${styles.heading} ${className}` : styles.heading}>
      {children}
    </h1>
  );
}
let navigated = false;

export function LanguageChooser() {
  const current = useLanguage();
  return (
    <label className={styles.language}>
      <Icon of={Globe} />
      <span className="sr">{m.language()}</span>
      <select value={current} onChange={(event) => setLanguage(event.target.value as Language)}>
        {LANGUAGES.map((tag) => (
          <option key={tag} value={tag} lang={tag}>
            {LANGUAGE_NAMES[tag]}
          </option>
        ))}
      </select>
    </label>
  );
}

export function Footer() {
  return (
    <footer className={styles.footer}>
      <p>
        <Icon of={ShieldCheck} />
        {m.footer_promise()}
      </p>
      <nav aria-label={m.footer_nav()}>
        <Link href="/browsers">{m.footer_browsers()}</Link>
        <Link href="/privacy">{m.footer_privacy()}</Link>
      </nav>
    </footer>
  );
}

/** `wide` gives reading pages and the pre-join more room; otherwise a narrow column. */
export function EntrancePage({
  children,
  wide,
  beams = true,
}: {
  children: ReactNode;
  wide?: boolean;
  beams?: boolean;
}) {
  return (
    <div className={styles.page}>
      {beams && <Beams />}
      <a className="skip" href="#content">
        {m.skip_to_content()}
      </a>
      <header className={styles.top}>
        <Brand />
        <LanguageChooser />
      </header>
      <main id="content" tabIndex={-1} className={wide ? `${styles.main} ${styles.wide}` : styles.main}>
        {children}
      </main>
      <Footer />
    </div>
  );
}

export function BackLink({ href, children }: { href: string; children: ReactNode }) {
  return (
    <Link href={href} className={styles.back}>
      <Icon of={ArrowLeft} />
      {children}
    </Link>
  );
}
