// The two functions of jstat that are called; the package brings no types.

declare module "jstat" {
  interface StudentT {
    cdf(x: number, freedom: number): number;
    inv(p: number, freedom: number): number;
  }
  const jStat: { readonly studentt: StudentT };
  export default jStat;
}
