/** `troupe schema`: the JSON Schema of `troupe.yaml`, for editors. */
import { fileSchema } from "../host/configuration/form.ts";
import { writeNew } from "./operator/export.ts";

export async function schema({ out }: { out?: string }): Promise<void> {
  const text = `${JSON.stringify(fileSchema(), null, 2)}\n`;
  if (out === undefined) {
    process.stdout.write(text);
    return;
  }
  writeNew(out, text);
  process.stdout.write(`Written to ${out}.\n`);
}
