// Copies a text and says so; where the browser forbids it, says what to do instead.
import { m } from "../i18n/m";
import { toast } from "./toast";

export async function copyText(text: string, done: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    toast(done);
    return true;
  } catch {
    toast(m.copy_failed());
    return false;
  }
}
