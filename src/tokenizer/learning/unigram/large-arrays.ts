// Arrays that are as long as all words together. They are shared ones, though no thread shares them: V8 collects after every 64 MiB of
// others, and each time goes through every word that the heap has.

export const allocateUint8 = (length: number): Uint8Array => new Uint8Array(new SharedArrayBuffer(length));
export const allocateUint32 = (length: number): Uint32Array => new Uint32Array(new SharedArrayBuffer(4 * length));
export const allocateFloat64 = (length: number): Float64Array => new Float64Array(new SharedArrayBuffer(8 * length));
