/** Asking by `fetch` in workerd, of a server outside. */
import { inject } from "vitest";
import { askContract } from "./ask.contract.ts";
import { askByFetch } from "./ask.ts";

askContract(
  "fetch in workerd",
  () => askByFetch((input, init) => fetch(input, init)),
  () => inject("streamServer"),
);
