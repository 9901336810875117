// What a thread of a crew runs: jobs as they are told, parts of each as long as there are any.

import { type MessagePort, receiveMessageOnPort, workerData } from "node:worker_threads";
import { doPart, endPart, type Job, type PartWork, signal, takePart } from "./crew.ts";

const { signals, port } = workerData as { signals: Int32Array; port: MessagePort };

for (let told = 0; ; ) {
  const got = receiveMessageOnPort(port);
  if (got === undefined) {
    Atomics.wait(signals, signal.told, told);
    told = Atomics.load(signals, signal.told);
    continue;
  }
  const job = got.message as Job;
  const { [job.name]: work } = (await import(job.module)) as Record<string, PartWork<never, unknown>>;
  for (let number = takePart(signals, job); number >= 0; number = takePart(signals, job)) {
    port.postMessage(doPart(work!, job.input, number, job.first));
    endPart(signals);
  }
}
