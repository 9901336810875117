// SWAG (Zellers et al. 2018): which of four endings a sentence has. As in the reference, the beginning and all four endings
// are one sequence that is classified. Columns are the same in the publisher's .csv and on the Hub.

import type { Suite } from "../tasks/task.ts";

const endings = ["ending0", "ending1", "ending2", "ending3"];

export const swag: Suite = {
  name: "swag",
  title: "SWAG",
  tasks: [
    {
      name: "swag",
      title: "SWAG",
      kind: "classification",
      texts: ["startphrase", ...endings],
      label: "label",
      labels: endings,
      metrics: ["accuracy"],
      published: { folders: ["regular", "data"] },
    },
  ],
  excluded: [],
};
