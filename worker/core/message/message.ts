/**
 * An event, read once. The room lane makes one `Message` per event and hands it on, so that no later step parses the
 * event's content again. Each part is computed when it is first asked for, and never twice.
 */
import * as z from "zod/v4";
import type { RoomEvent } from "../protocol/event.ts";
import type { EventId } from "../protocol/ids.ts";
import { type RoomState, stateIn } from "../protocol/room-state.ts";
import type { UserLink } from "./links.ts";
import { type Mark, markIn } from "./mark.ts";
import { type Addressed, addressedIn, htmlPills } from "./mention.ts";
import { type Relations, relationsOf, writtenIn } from "./text.ts";

export interface Message {
  readonly event: RoomEvent;
  /** The content a reader sees: an edit's new content. */
  readonly content: RoomEvent["content"];
  /** The text an agent is asked; empty when there is none. */
  readonly text: string;
  /** The body that the text was read from. */
  readonly body: string;
  readonly relations: Relations;
  /** Our content key, on events of this or of another Troupe. */
  readonly mark: Mark | undefined;
  readonly addressed: Addressed;
  /** The users its links are to, and the texts that stand for them, outside of quotations and code. */
  readonly links: readonly UserLink[];
  readonly place: MessagePlace;
  /** The change a state event makes to the state we keep; undefined for all other events. */
  readonly state: Partial<RoomState> | undefined;
}

/** Where a message is shown. An edit is shown where the message it replaces is. */
export interface MessagePlace {
  eventId: EventId;
  thread?: EventId;
}

/** Reads an event. Never throws: invalid content has no text, relations or mark. */
export function readMessage(event: RoomEvent): Message {
  const relations = once(() => relationsOf(event));
  const content = once(() => contentOf(event, relations()));
  const mark = once(() => markIn(event));
  // The new content of an edit has relations of its own.
  const written = once(() =>
    content() === event.content ? writtenIn(event.content, relations()) : writtenIn(content()),
  );
  const links = once(() => [...htmlPills(content()), ...written().links]);
  const addressed = once(() => addressedIn(content(), written().text, links));
  const place = once(() => placeOf(event, relations(), mark));
  const state = once(() => stateIn(event));
  return {
    event,
    get content() {
      return content();
    },
    get text() {
      return written().text;
    },
    get body() {
      return written().body;
    },
    get relations() {
      return relations();
    },
    get mark() {
      return mark();
    },
    get addressed() {
      return addressed();
    },
    get links() {
      return links();
    },
    get place() {
      return place();
    },
    get state() {
      return state();
    },
  };
}

function once<T>(compute: () => T): () => T {
  let computed: { value: T } | undefined;
  return () => {
    computed ??= { value: compute() };
    return computed.value;
  };
}

const NewContent = z.record(z.string(), z.unknown());

function contentOf({ content }: RoomEvent, { isEdit }: Relations): RoomEvent["content"] {
  if (!isEdit) return content;
  return NewContent.safeParse(content["m.new_content"]).data ?? content;
}

/** An edit names no thread of its own; our mark says in which thread the edited message is. */
function placeOf(event: RoomEvent, relations: Relations, mark: () => Mark | undefined): MessagePlace {
  const { isEdit, replaces, threadRoot } = relations;
  const thread = isEdit ? mark()?.thread : threadRoot;
  const eventId = replaces ?? event.event_id;
  return thread === undefined ? { eventId } : { eventId, thread };
}
