/** What people can tell us besides talking to an agent. Only a message that is nothing but the command is one. */
export type Command = "stop";

export const parseCommand = (text: string): Command | undefined =>
  text.trim().toLowerCase() === "!stop" ? "stop" : undefined;
