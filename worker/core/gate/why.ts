/** Why nothing happened: the closed list of reasons, each with a sentence, and which setting to change. */

interface Explanation {
  sentence: string;
  /** What to do so that the next one is answered. */
  remedy?: string;
}

/** `{agent}` is the agent it is about. */
export const IGNORED = {
  own_event: {
    sentence: "It was sent by one of our own users.",
    remedy: "To let agents hear each other set `bots` for {agent}.",
  },
  bot: {
    sentence: "It was sent by a bot, and {agent} does not listen to bots.",
    remedy: "Set `bots` to `mentions` or `true`.",
  },
  hop_limit: {
    sentence: "Agents have answered each other often enough; a person has to say something first.",
    remedy: "Raise `hops`.",
  },
  pair_guard: {
    sentence:
      "The sender woke {agent} 20 times within a minute without being a person who names it; nothing of it is heard for another minute.",
    remedy: "Set `bots: false`, or add the machine to `ignore`.",
  },
  echo: {
    sentence: "It repeats what an agent has said, as another bridge's ghost does.",
    remedy: "Add that bridge's ghosts to `ignore`.",
  },
  soft_failed: { sentence: "The homeserver itself holds it back: it failed the room's rules or a policy server's." },
  muted: { sentence: "The room is muted.", remedy: "Say `!unmute`, or set `muted: false` for the room." },
  ignored_sender: { sentence: "The sender is on the list of those {agent} ignores.", remedy: "Change `ignore`." },
  not_permitted: {
    sentence: "The sender is not among those {agent} may talk to.",
    remedy: "Add them to `users`, or say `!allow`.",
  },
  power_too_low: {
    sentence: "The sender's power level in this room is too low for {agent}.",
    remedy: "Lower `power`, or give them a higher level.",
  },
  dm_disabled: { sentence: "{agent} answers nobody in direct chats.", remedy: "Change `dm`." },
  rooms_disabled: { sentence: "{agent} answers in direct chats only.", remedy: "Change `rooms`." },
  room_not_allowed: {
    sentence: "This room is not among those {agent} answers in.",
    remedy: "Add it to `allowedRooms`.",
  },
  not_addressed: {
    sentence: "No agent was addressed: not by a mention, a reply, a direct chat or a thread of its own.",
    remedy: "Mention the agent, or set `mention: false` for the room.",
  },
  no_agent: { sentence: "No agent is in the room." },
  unknown_agent: { sentence: "There is no agent with this name.", remedy: "`troupe agent add` makes one." },
  invites_off: { sentence: "{agent} follows no invitations.", remedy: "Change `invites`." },
  not_invited_by_user: {
    sentence: "{agent} follows invitations of its own users only.",
    remedy: "Add the inviter to `users`, or change `invites`.",
  },
  not_on_invite_list: {
    sentence: "Neither the room nor the inviter is on {agent}'s list.",
    remedy: "Add one of them to `inviteFrom`.",
  },
  command_too_old: { sentence: "It was a command, and came too long after it was said.", remedy: "Say it again." },
  command_not_permitted: {
    sentence: "The sender may not say this command to {agent}.",
    remedy: "Change `commands`, or add them to `admins`.",
  },
  membership: { sentence: "Somebody came or went; that asks nobody anything." },
  state: { sentence: "It changes the room; it was noted." },
  encrypted: { sentence: "It is encrypted, and nobody here holds the keys.", remedy: "Use a room without encryption." },
  edit: { sentence: "It changes an earlier message; edits are not answered." },
  notice: { sentence: "It is a notice: machines send those, and nobody answers them." },
  verification: { sentence: "It belongs to the verification of a device." },
  no_text: { sentence: "It has no text." },
  not_a_message: { sentence: "It is nothing that is said." },
} as const satisfies Record<string, Explanation>;
export type IgnoreReason = keyof typeof IGNORED;

/** What the other verdicts mean. */
const DONE: Record<string, string> = {
  wake_mention: "{agent} was mentioned and has been asked.",
  wake_reply: "It replies to {agent}, who has been asked.",
  wake_direct: "It was said in a direct chat with {agent}, who has been asked.",
  wake_thread: "The thread is {agent}'s, who has been asked.",
  wake_listening: "{agent} answers everything here, and has been asked.",
  queue_full:
    "Too much waits for {agent} in this conversation; what comes beyond is dropped. `turns.queue` sets how much may.",
  too_old:
    "It came too long after it was said to be answered; {agent} knows of it when it is asked next. `turns.eventAge` sets how long.",
  join: "It invited {agent}, who has joined.",
  join_failed: "It invited {agent}, but the homeserver refused the joining; the log says why.",
  stop: "It stopped what was running.",
  redaction: "It took a message back.",
  pair: "{agent} does not know the sender, who was given a code; `!pair <code>` or `troupe pair approve <code>` lets them in.",
  follow: "The room was replaced; its agents went to the new one, as far as they may enter it uninvited.",
  given_up: "The homeserver did not do what it asked for; a dead letter says what.",
  command_limit: "The sender says too many commands in a minute.",
  depart: "Nobody but us was left in the room, so its agents have left.",
};

/** One sentence on what became of an event, and if need be one on what to change. */
export function explain(verdict: string, about: string | undefined): string {
  const agent = about ?? "the agent";
  const ignored: Explanation | undefined = isReason(verdict) ? IGNORED[verdict] : undefined;
  const said = ignored
    ? [ignored.sentence, ignored.remedy].filter(Boolean).join(" ")
    : (DONE[verdict] ??
      (verdict.startsWith("command_")
        ? "It was a command; the answer to it says what came of it."
        : `It was decided as ${verdict}.`));
  return said.replaceAll("{agent}", agent);
}

const isReason = (verdict: string): verdict is IgnoreReason => Object.hasOwn(IGNORED, verdict);
