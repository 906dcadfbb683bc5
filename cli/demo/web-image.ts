import { once } from 'node:events'
import { createWriteStream, existsSync } from 'node:fs'
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { pack } from 'tar-stream'
import { CommandError } from '../command.ts'
import type { DockerApi } from '../docker-api.ts'
import { DEMO_LABEL } from '../purge.ts'

/**
 * The demo's own image: a web page and busybox to serve it, made from nothing with `docker build`, so that the demo pulls
 * nothing from anywhere. The files lie in a folder, where the user can look at them and build again by hand.
 */
export const WEB_IMAGE = 'stackyard-demo-web'

const DOCKERFILE = `FROM scratch
COPY busybox /bin/busybox
COPY serve /serve
EXPOSE 80
CMD ["/bin/busybox", "sh", "/serve"]
`

// Process 1 ignores SIGTERM unless it asks for it; without the trap every stop would wait for the kill.
const SERVE = `trap 'exit 0' TERM
name=$(/bin/busybox cat /etc/hostname)
/bin/busybox mkdir -p /www
/bin/busybox cat >/www/index.html <<PAGE
<!doctype html>
<title>Stackyard</title>
<h1>Hello from $name!</h1>
<p>A Docker container, made by OpenStack's API,
on a tenant network of its own, behind a floating IP.</p>
PAGE
echo "$name: serving a web page on port 80"
/bin/busybox httpd -f -v -p 80 -h /www &
wait
`

/** Lays the build context down in `folder`. */
export async function writeContext(folder: string, guestFolder: string): Promise<void> {
  const busybox = [join(guestFolder, 'busybox'), '/bin/busybox', '/usr/bin/busybox'].find(
    existsSync,
  )
  if (busybox === undefined) {
    throw new CommandError('the demo builds its image from busybox, and there is none', [
      'apt-get install busybox-static',
    ])
  }
  await mkdir(folder, { recursive: true })
  await copyFile(busybox, join(folder, 'busybox'))
  await writeFile(join(folder, 'serve'), SERVE)
  await writeFile(join(folder, 'Dockerfile'), DOCKERFILE)
}

/** `docker build`; answers the image's id. The label lets `down --purge` find the image of cloud `tag`. */
export async function buildImage(docker: DockerApi, folder: string, tag: string): Promise<string> {
  const tar = pack()
  for (const name of ['Dockerfile', 'serve', 'busybox']) {
    const mode = name === 'busybox' ? 0o755 : 0o644
    // Docker's build cache goes by content and mode; a fixed time makes equal contexts equal.
    tar.entry({ name, mode, mtime: new Date(0) }, await readFile(join(folder, name)))
  }
  tar.finalize()
  const chunks: Buffer[] = []
  tar.on('data', (chunk) => {
    if (chunk instanceof Uint8Array) chunks.push(Buffer.from(chunk))
  })
  await once(tar, 'end')
  const labels = encodeURIComponent(JSON.stringify({ [DEMO_LABEL]: tag }))
  const path = `/build?t=${WEB_IMAGE}&rm=1&forcerm=1&labels=${labels}`
  const { status, text } = await docker.call('POST', path, Buffer.concat(chunks))
  const quoted = /"error"\s*:\s*("(?:[^"\\]|\\.)*")/.exec(text)?.[1]
  const fault = quoted === undefined ? undefined : String(JSON.parse(quoted))
  if (status !== 200 || fault !== undefined) {
    throw new CommandError(`docker build: ${fault ?? text.trim()}`)
  }
  return (await docker.get<{ Id: string }>(`/images/${WEB_IMAGE}/json`)).Id
}

/** `docker save`. */
export async function saveImage(docker: DockerApi, file: string): Promise<void> {
  await pipeline(await docker.stream(`/images/${WEB_IMAGE}/get`), createWriteStream(file))
}
