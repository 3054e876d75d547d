// The bare address. People with an account go on to their rooms; everybody else learns that the link is the way in.
import { LogIn } from "lucide-react";
import { useEffect } from "react";
import { m } from "../../i18n/m";
import { navigate } from "../../router";
import { useSession } from "../../session";
import { LinkButton } from "../../ui/button";
import { EntrancePage, Heading } from "../../ui/page";
import styles from "./entry.module.css";

export default function HomePage() {
  const session = useSession();
  const signedIn = session.kind === "known" && session.account !== null;
  useEffect(() => {
    if (signedIn) navigate("/admin/rooms", { replace: true });
  }, [signedIn]);

  return (
    <EntrancePage>
      <div className={styles.open}>
        <Heading>{m.home_title()}</Heading>
        <p>{m.home_text()}</p>
        <LinkButton href="/sign-in" icon={LogIn}>
          {m.home_sign_in()}
        </LinkButton>
      </div>
    </EntrancePage>
  );
}
