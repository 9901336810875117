// Devices that are not at hand, by the figures of their data sheets, and the share of the peak that training of this kind was
// seen to reach on them: ours where the source says crammed-bert, else other programs'. A plan says which.

export interface DeviceFigures {
  readonly name: string;
  readonly title: string;
  /** NVIDIA's, times ten. */
  readonly computeCapability: number;
  readonly multiprocessors: number;
  /** FLOP/s of dense bf16 products with f32 sums. */
  readonly peakFlops: number;
  readonly bytesPerSecond: number;
  readonly memoryBytes: number;
  /** Power limit of the board. */
  readonly watts: number;
  /** Share of peakFlops that the arithmetic of training reaches. */
  readonly utilisation: number;
  /** Where the utilisation comes from. */
  readonly source: string;
}

export const deviceFigures: readonly DeviceFigures[] = [
  {
    name: "h200",
    title: "NVIDIA H200 SXM",
    computeCapability: 90,
    multiprocessors: 132,
    peakFlops: 989e12,
    bytesPerSecond: 4.8e12,
    memoryBytes: 141e9,
    watts: 700,
    utilisation: 0.4,
    source: "crammed-bert on one: 653,000 tokens/s with 128 sequences, 747,000 with 512",
  },
  {
    name: "a6000",
    title: "NVIDIA RTX A6000",
    computeCapability: 86,
    multiprocessors: 84,
    peakFlops: 154.8e12,
    bytesPerSecond: 768e9,
    memoryBytes: 48e9,
    watts: 300,
    utilisation: 0.42,
    source: "the paper's code on an A6000: 103,000 to 106,000 tokens/s; this program was timed on none",
  },
  {
    name: "rtx3090",
    title: "NVIDIA GeForce RTX 3090",
    computeCapability: 86,
    multiprocessors: 82,
    peakFlops: 71e12,
    bytesPerSecond: 936e9,
    memoryBytes: 24e9,
    watts: 350,
    utilisation: 0.42,
    source: "taken to be that of the A6000, which has the same chip; this program was timed on none",
  },
];
