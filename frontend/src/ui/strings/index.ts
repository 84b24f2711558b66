/**
 * Every word the pages say, in one catalogue (en now; de, fr, es, zh take the same shape later).
 * Sentences name what happened and what to do next. Text that comes from the server or from files is not here.
 */

import { account } from "./account";
import { experts, system, users } from "./admin";
import { ask } from "./ask";
import { compare } from "./compare";
import { history } from "./history";
import { jobs } from "./jobs";
import { keys } from "./keys";
import { layers } from "./layers";
import { login, newPassword, welcome } from "./login";
import { measures } from "./measures";
import { models } from "./models";
import { opinions } from "./opinions";
import { imports, labels, policy, project, projects } from "./projects";
import { propagation } from "./propagation";
import { read, save } from "./read";
import { review } from "./review";
import { errors, nav, shell, simulated } from "./shell";
import { tour } from "./tour";
import { units } from "./units";
import { volume3d } from "./volume3d";
import { states, worklist } from "./worklist";

const en = {
  product: "Consilium",
  banner: "Research use only. Not a medical device. Not for diagnosis.",
  simulated,
  shell,
  nav,
  errors,
  login,
  newPassword,
  welcome,
  states,
  worklist,
  read,
  history,
  ask,
  propagation,
  opinions,
  review,
  save,
  keys,
  layers,
  compare,
  measures,
  volume3d,
  tour,
  projects,
  project,
  labels,
  policy,
  imports,
  jobs,
  models,
  users,
  experts,
  account,
  system,
  units,
} as const;

export type Catalogue = typeof en;

export const t: Catalogue = en;
