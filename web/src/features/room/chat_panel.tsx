// The chat: messages with author and time, in between who came and went, and one line to write. A `log`, so that new
// messages are read out politely while it is open.
import { DoorOpen, LogOut, SendHorizontal, Trash2 } from "lucide-react";
import {
  type FormEvent,
  Fragment,
  type KeyboardEvent,
  type ReactNode,
  useEffect,
  useId,
  useRef,
  useState,
} from "react";
import { leads, mayChat } from "../../call/may";
import { type Happening, me } from "../../call/room_store";
import { formatTime } from "../../i18n/language";
import { m } from "../../i18n/m";
import { IconButton } from "../../ui/button";
import { Icon } from "../../ui/icon";
import { useOutside } from "../../ui/outside";
import { Avatar } from "../../ui/words";
import type { ChatMessage, MessageId } from "../../wire/room";
import { useWatched } from "../prejoin/watched";
import { useRoomCall } from "./context";
import styles from "./panels.module.css";

const LINK = /https?:\/\/[^\s<>"]+[^\s<>".,;:!?)\]]/giu;

/** Addresses in a message become links that tell nobody where one comes from (S-12); nothing is ever fetched (S-13). */
export function withLinks(text: string): ReactNode[] {
  const parts: ReactNode[] = [];
  let from = 0;
  for (const found of text.matchAll(LINK)) {
    const [address] = found;
    parts.push(text.slice(from, found.index));
    parts.push(
      <a key={found.index} href={address} target="_blank" rel="noopener noreferrer">
        {address}
      </a>,
    );
    from = found.index + address.length;
  }
  parts.push(text.slice(from));
  return parts;
}

function Message({ message, own, mayDelete }: { message: ChatMessage; own: boolean; mayDelete: boolean }) {
  const call = useRoomCall();
  const at = new Date(message.at_ms);
  return (
    <li className={own ? `${styles.message} ${styles.ownMessage}` : styles.message}>
      <Avatar name={message.name} id={message.from} />
      <div>
        <p className="s">
          <bdi className="b">{own ? m.room_you_word() : message.name}</bdi>{" "}
          <time className="dim num" dateTime={at.toISOString()}>
            {formatTime(message.at_ms)}
          </time>
        </p>
        <p className={styles.said} dir="auto">
          {withLinks(message.text)}
        </p>
      </div>
      {mayDelete && (
        <IconButton
          icon={Trash2}
          label={m.chat_delete({ name: message.name })}
          className={styles.delete ?? ""}
          onClick={() => void call.do({ name: "delete_chat", message: message.id })}
        />
      )}
    </li>
  );
}

function News({ news }: { news: Extract<Happening, { kind: "came" | "left" }> }) {
  const { name } = news;
  return (
    <li className={styles.news}>
      <Icon of={news.kind === "came" ? DoorOpen : LogOut} />
      <bdi>
        {news.kind === "came"
          ? m.chat_came({ name })
          : news.removed
            ? m.chat_removed({ name })
            : m.chat_left({ name })}
      </bdi>
    </li>
  );
}

export function ChatPanel() {
  const call = useRoomCall();
  const room = useWatched(call.room);
  const [text, setText] = useState("");
  const [failed, setFailed] = useState(false);
  const list = useRef<HTMLDivElement>(null);
  const outside = useOutside();
  const field = useId();
  const mine = me(room);
  const allowed = mine !== undefined && mayChat(mine.role, room.policy);
  const news = room.happenings.filter((one) => one.kind === "came" || one.kind === "left").slice(-3);
  const known = new Set(room.chat.map((message) => message.id));
  // Each where it happened; when the message before it is gone, where the list begins.
  const newsAfter = (message: MessageId | null) =>
    news
      .filter((one) => (one.after !== null && known.has(one.after) ? one.after : null) === message)
      .map((one) => <News key={`news-${one.id}`} news={one} />);

  // biome-ignore lint/correctness/useExhaustiveDependencies: a new message scrolls to the end
  useEffect(() => {
    const element = list.current;
    if (element) element.scrollTop = element.scrollHeight;
  }, [room.chat.length, news.at(-1)?.id]);

  const send = async (event: FormEvent) => {
    event.preventDefault();
    const said = text.trim();
    if (said === "") return;
    setText("");
    setFailed(false);
    if (!(await call.do({ name: "chat", text: said }))) {
      setText((now) => (now === "" ? said : now));
      setFailed(true);
    }
  };
  const enter = (event: KeyboardEvent<HTMLTextAreaElement>) => {
    // While a word is being composed (IME), Enter belongs to the composition.
    if (event.key !== "Enter" || event.shiftKey || event.nativeEvent.isComposing) return;
    event.preventDefault();
    event.currentTarget.form?.requestSubmit();
  };

  return (
    <>
      <div
        ref={list}
        className={styles.log}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling list has to be reachable by keyboard
        tabIndex={0}
        role="log"
        aria-label={m.chat_messages()}
        onClickCapture={outside.ask}
        onAuxClickCapture={outside.ask}
      >
        <ol className={styles.messages}>
          {room.chat.length === 0 && <li className={`dim ${styles.noMessages}`}>{m.chat_empty()}</li>}
          {newsAfter(null)}
          {room.chat.map((message) => (
            <Fragment key={message.id}>
              <Message
                message={message}
                own={message.from === room.you}
                mayDelete={
                  mine !== undefined &&
                  (leads(mine.role) || (message.from === room.you && mine.role !== "read_only"))
                }
              />
              {newsAfter(message.id)}
            </Fragment>
          ))}
        </ol>
      </div>
      {outside.notice}
      {allowed ? (
        <form className={styles.write} onSubmit={(event) => void send(event)}>
          {failed && (
            <p className={`s ${styles.failed}`} role="alert">
              {m.chat_not_sent()}
            </p>
          )}
          <label htmlFor={field} className="s">
            {m.chat_your_message()}
          </label>
          <div className="row">
            <textarea
              id={field}
              className="input"
              rows={1}
              value={text}
              maxLength={4_000}
              placeholder={m.chat_placeholder()}
              onChange={(event) => setText(event.target.value)}
              onKeyDown={enter}
            />
            <button type="submit" className="btn" aria-label={m.chat_send()} title={m.chat_send()}>
              <Icon of={SendHorizontal} />
            </button>
          </div>
        </form>
      ) : (
        <p className={`dim s ${styles.write}`}>{m.chat_not_allowed()}</p>
      )}
    </>
  );
}
