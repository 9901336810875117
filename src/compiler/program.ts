// The artefact of the compiler: buffers, kernels and launches as plain data, so that it can be printed, hashed, counted
// and compared. A backend needs nothing else to run it.

export interface Program {
  readonly kernels: readonly unknown[];
}
