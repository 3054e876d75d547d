// The frame of the administration: navigation at the start, the page beside it. Shows its page only to people who are
// signed in; everybody else goes to the sign-in and comes back afterwards. The server checks again at each door.
import { DoorOpen, House, LogOut, Users } from "lucide-react";
import { type ReactNode, useEffect } from "react";
import * as api from "../../api/endpoints";
import { sentence } from "../../i18n/codes";
import { m } from "../../i18n/m";
import { Link, navigate, usePath } from "../../router";
import { askSession, goToSignIn, setAccount, useSession } from "../../session";
import { Brand } from "../../ui/brand";
import { Button } from "../../ui/button";
import { Icon } from "../../ui/icon";
import { LanguageChooser } from "../../ui/page";
import { toast } from "../../ui/toast";
import { Avatar, Note } from "../../ui/words";
import type { Account } from "../../wire/types";
import styles from "./frame.module.css";

export function AdminFrame({ children }: { children: (account: Account) => ReactNode }) {
  const session = useSession();
  const stranger = session.kind === "known" && session.account === null;
  useEffect(() => {
    if (stranger) goToSignIn();
  }, [stranger]);

  const account = session.kind === "known" ? session.account : null;
  return (
    <div className={styles.frame}>
      <a className="skip" href="#content">
        {m.skip_to_content()}
      </a>
      <header className={styles.nav}>
        <Brand href="/admin/rooms" />
        <Navigation admin={account?.role === "admin"} />
        {account && <AccountBlock account={account} />}
      </header>
      <main id="content" tabIndex={-1} className={styles.main}>
        {session.kind === "failed" ? (
          <Note
            tone="brick"
            alert
            action={<Button onClick={() => void askSession()}>{m.try_again()}</Button>}
          >
            {sentence(session.code)}
          </Note>
        ) : account ? (
          children(account)
        ) : (
          <p role="status">{m.loading()}</p>
        )}
      </main>
    </div>
  );
}

function Navigation({ admin }: { admin: boolean }) {
  const path = usePath();
  const entries = [
    { href: "/admin/rooms", icon: DoorOpen, label: m.nav_rooms(), shown: true },
    { href: "/admin/people", icon: Users, label: m.nav_people(), shown: admin },
    { href: "/admin/organisation", icon: House, label: m.nav_organisation(), shown: admin },
  ];
  return (
    <nav aria-label={m.nav_label()}>
      <ul>
        {entries
          .filter((entry) => entry.shown)
          .map((entry) => (
            <li key={entry.href}>
              <Link href={entry.href} aria-current={path.startsWith(entry.href) ? "page" : undefined}>
                <Icon of={entry.icon} />
                {entry.label}
              </Link>
            </li>
          ))}
      </ul>
    </nav>
  );
}

function AccountBlock({ account }: { account: Account }) {
  const signOut = async () => {
    try {
      await api.signOut();
    } finally {
      // Whatever the server said: this page shows nothing more of the account.
      setAccount(null);
      navigate("/", { replace: true });
      toast(m.signed_out());
    }
  };
  return (
    <section className={styles.account} aria-label={m.account_menu({ name: account.name })}>
      <p className={styles.who}>
        <Avatar name={account.name} id={account.id} />
        <span>
          <bdi className="b">{account.name}</bdi>
          <span className="xs dim">{account.role === "admin" ? m.role_admin() : m.role_trainer()}</span>
        </span>
      </p>
      <LanguageChooser />
      <Button look="ghost" size="small" icon={LogOut} onClick={() => void signOut().catch(() => undefined)}>
        {m.sign_out()}
      </Button>
    </section>
  );
}
