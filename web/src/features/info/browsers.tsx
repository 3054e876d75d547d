// Which browsers are supported, and what this one can do.
import { m } from "../../i18n/m";
import { EntrancePage, Heading } from "../../ui/page";
import { Note } from "../../ui/words";
import styles from "./info.module.css";

/** What this browser lacks for a whole meeting, as words. */
export function missingHere(scope: typeof globalThis): string[] {
  const devices = (scope.navigator as Navigator | undefined)?.mediaDevices;
  const missing: string[] = [];
  if (typeof scope.RTCPeerConnection !== "function") missing.push(m.browsers_need_call());
  if (typeof devices?.getUserMedia !== "function") missing.push(m.browsers_need_devices());
  if (typeof devices?.getDisplayMedia !== "function") missing.push(m.browsers_need_screen());
  if (!scope.indexedDB) missing.push(m.browsers_need_storage());
  return missing;
}

export default function BrowsersPage() {
  const missing = missingHere(globalThis);
  return (
    <EntrancePage beams={false} wide>
      <article className={styles.text}>
        <Heading>{m.browsers_title()}</Heading>
        {missing.length === 0 ? (
          <Note tone="pine">{m.browsers_yours_good()}</Note>
        ) : (
          <Note tone="sun">{m.browsers_yours_partly({ list: missing.join(", ") })}</Note>
        )}
        <p>{m.browsers_never()}</p>
        <h2>{m.browsers_computer()}</h2>
        <ul>
          <li>{m.browsers_chromium()}</li>
          <li>{m.browsers_firefox()}</li>
          <li>{m.browsers_safari()}</li>
        </ul>
        <h2>{m.browsers_phone()}</h2>
        <ul>
          <li>{m.browsers_android()}</li>
          <li>{m.browsers_ios()}</li>
        </ul>
        <p className="s dim">{m.browsers_tested()}</p>
      </article>
    </EntrancePage>
  );
}
