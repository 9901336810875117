// What can run a prepare on many machines. Apart from what writes for them, which only they need.

export const launcherNames = ["slurm", "kubernetes"] as const;
export type LauncherName = (typeof launcherNames)[number];
