// Makes React Aria work under the content policy: it looks for a style element with this id before injecting its own.
// Imported by every module of ours that uses React Aria; those are loaded lazily, never by the join page.
import sheet from "./pressable.css?url";

const ID = "react-aria-pressable-style";

if (!document.getElementById(ID)) {
  const link = document.createElement("link");
  link.id = ID;
  link.rel = "stylesheet";
  link.href = sheet;
  document.head.append(link);
}
