// The package names no file of its own that Node can import, so the tests take the one for bundlers; its types are the package's.
declare module "wgsl_reflect/wgsl_reflect.module.js" {
  export * from "wgsl_reflect";
}
