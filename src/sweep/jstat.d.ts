// The functions of jstat that are called; the package brings no types.

declare module "jstat" {
  interface StudentT {
    cdf(x: number, freedom: number): number;
    inv(p: number, freedom: number): number;
  }
  const jStat: {
    readonly studentt: StudentT;
    /** `alpha` and `beta` both 1: type 7 of Hyndman & Fan. */
    quantiles(values: readonly number[], shares: readonly number[], alpha: number, beta: number): number[];
  };
  export default jStat;
}
