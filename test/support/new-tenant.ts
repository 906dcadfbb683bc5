import type { CloudProcess } from './cloud-process.ts'
import { ok, Session } from './session.ts'

/** A new project with a member of the same name, logged in. */
export async function newTenant(
  cloud: CloudProcess,
  admin: Session,
  name: string,
): Promise<Session> {
  const keystone = admin.to('identity', '/v3')
  const password = `${name}-secret`
  const project = ok(await keystone.post('/projects', { project: { name } })).project.id as string // Keystone's answer
  const user = ok(await keystone.post('/users', { user: { name, password } })).user.id as string // Keystone's answer
  const { roles } = ok(await keystone.get('/roles?name=member'))
  ok(await keystone.put(`/projects/${project}/users/${user}/roles/${String(roles[0].id)}`))
  return await Session.login({
    authUrl: cloud.credentials('admin').authUrl,
    username: name,
    password,
    project: name,
  })
}
