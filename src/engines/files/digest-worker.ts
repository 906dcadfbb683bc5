import { createHash, type Hash } from 'node:crypto'
import { parentPort, workerData } from 'node:worker_threads'
import type { DigestAnswer, DigestQuestion } from './digests.ts'

/** Computes one kind of digest for any number of streams at once; `workerData` names the kind. See digests.ts. */
const algorithm = String(workerData)
const streams = new Map<number, Hash>()

parentPort?.on('message', (question: DigestQuestion) => {
  const hash = streams.get(question.stream) ?? createHash(algorithm)
  if (question.kind === 'update') {
    streams.set(question.stream, hash.update(question.bytes))
    answer({ number: question.number })
    return
  }
  streams.delete(question.stream)
  answer({ number: question.number, digest: question.kind === 'digest' ? hash.digest('hex') : '' })
})

function answer(message: DigestAnswer): void {
  parentPort?.postMessage(message)
}
