// Asks before a room is destroyed with everything in it.
import * as api from "../../api/endpoints";
import { sentence } from "../../i18n/codes";
import { m } from "../../i18n/m";
import { ConfirmDialog } from "../../ui/dialog";
import { useSubmit } from "../../ui/use_submit";
import { Note } from "../../ui/words";
import type { Room } from "../../wire/types";

export function DeleteRoomDialog({
  room,
  onClose,
  onDeleted,
}: {
  room: Room;
  onClose(): void;
  onDeleted(): void;
}) {
  const { busy, failure, run } = useSubmit();
  return (
    <ConfirmDialog
      open
      onClose={onClose}
      title={m.rooms_delete_title({ room: room.settings.name })}
      verb={m.rooms_delete_verb()}
      danger
      busy={busy && m.rooms_deleting()}
      onConfirm={() =>
        void run(async () => {
          await api.deleteRoom(room.id);
          onDeleted();
        })
      }
    >
      <p>{m.rooms_delete_text()}</p>
      {failure && (
        <Note tone="brick" alert>
          {sentence(failure)}
        </Note>
      )}
    </ConfirmDialog>
  );
}
