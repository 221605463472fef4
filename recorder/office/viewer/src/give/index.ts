/** What is signed by the office, as the page asks for it: each in a worker of its own, which ends with its secret. */

import { asked } from "../link.ts";
import type { Give, OrderFile, RegisterEntry } from "../model.ts";

export const enterRegister: Give["enterRegister"] = async (request) =>
  (await asked({ ask: "register", request })) as RegisterEntry;

export const makeOrder: Give["makeOrder"] = async (request) => (await asked({ ask: "order", request })) as OrderFile;
