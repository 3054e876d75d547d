// The information page (P-02, Art. 13 GDPR) in plain language. With a room's secret in the fragment it names the
// organisation that runs that room; it is one click away from the pre-join.
import { useEffect, useState } from "react";
import * as api from "../../api/endpoints";
import { m } from "../../i18n/m";
import { EntrancePage, Heading } from "../../ui/page";
import type { Organisation } from "../../wire/types";
import styles from "./info.module.css";

async function whoRunsIt(signal: AbortSignal): Promise<Organisation> {
  const secret = location.hash.slice(1);
  if (secret !== "") return (await api.look(secret, signal)).organisation;
  return api.information(signal);
}

export default function PrivacyPage() {
  const [organisation, setOrganisation] = useState<Organisation | null>(null);
  useEffect(() => {
    const abort = new AbortController();
    whoRunsIt(abort.signal).then(
      (found) => !abort.signal.aborted && setOrganisation(found),
      () => undefined, // the page then says where to find the name
    );
    return () => abort.abort();
  }, []);

  return (
    <EntrancePage beams={false} wide>
      <article className={styles.text}>
        <Heading>{m.privacy_title()}</Heading>
        <h2>{m.privacy_who()}</h2>
        {organisation ? (
          <>
            <p className={styles.lines}>
              <bdi>{organisation.name}</bdi>
            </p>
            <p className={styles.lines}>{m.privacy_contact({ contact: organisation.contact })}</p>
          </>
        ) : (
          <p>{m.privacy_who_unknown()}</p>
        )}
        <h2>{m.privacy_what()}</h2>
        <ul>
          <li>{m.privacy_what_name()}</li>
          <li>{m.privacy_what_media()}</li>
          <li>{m.privacy_what_text()}</li>
          <li>{m.privacy_what_address()}</li>
        </ul>
        <h2>{m.privacy_why()}</h2>
        <p>{m.privacy_why_text()}</p>
        <h2>{m.privacy_where()}</h2>
        <p>{m.privacy_where_text()}</p>
        <h2>{m.privacy_until()}</h2>
        <p>{m.privacy_until_text()}</p>
        <h2>{m.privacy_device()}</h2>
        <ul>
          <li>{m.privacy_device_cookie()}</li>
          <li>{m.privacy_device_language()}</li>
          <li>{m.privacy_device_shortcuts()}</li>
          <li>{m.privacy_device_saver()}</li>
          <li>{m.privacy_device_pad()}</li>
        </ul>
        <h2>{m.privacy_rights()}</h2>
        <p>{m.privacy_rights_text()}</p>
      </article>
    </EntrancePage>
  );
}
