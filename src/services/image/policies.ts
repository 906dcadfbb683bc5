const reader = 'rule:project-reader'
const member = 'rule:project-member'
const admin = 'rule:admin'

/**
 * Glance's rules under Glance's names. Where the object decides, they are asked with its owner as `project_id`, once the
 * object was found: what one may not see is a 404, whatever one's roles.
 */
const judged = {
  modify_image: member,
  delete_image: member,
  upload_image: member,
  download_image: member,
  deactivate: member,
  reactivate: member,
  communitize_image: member,
  publicize_image: admin,
  add_member: member,
  modify_member: member,
  delete_member: member,
  modify_metadef_namespace: admin,
  delete_metadef_namespace: admin,
  modify_metadef_object: admin,
  add_metadef_object: admin,
  delete_metadef_object: admin,
  add_metadef_property: admin,
  modify_metadef_property: admin,
  remove_metadef_property: admin,
  add_metadef_tag: admin,
  add_metadef_tags: admin,
  modify_metadef_tag: admin,
  delete_metadef_tag: admin,
  delete_metadef_tags: admin,
  add_metadef_resource_type_association: admin,
  remove_metadef_resource_type_association: admin,
} as const

export type JudgedRule = keyof typeof judged

/** The rule at the door for an action that a judged rule decides later: who may look at all may come in. */
export function door(rule: JudgedRule): string {
  return `image:${rule}`
}

export const policies: Readonly<Record<string, string>> = {
  context_is_admin: 'role:admin',
  add_image: member,
  get_image: reader,
  get_images: reader,
  get_member: reader,
  get_members: reader,
  tasks_api_access: admin,
  stores_info_detail: admin,
  delete_image_location: admin,
  get_metadef_namespace: reader,
  get_metadef_namespaces: reader,
  add_metadef_namespace: admin,
  get_metadef_object: reader,
  get_metadef_objects: reader,
  get_metadef_property: reader,
  get_metadef_properties: reader,
  get_metadef_tag: reader,
  get_metadef_tags: reader,
  list_metadef_resource_types: reader,
  get_metadef_resource_type: reader,
  ...judged,
  ...Object.fromEntries(Object.keys(judged).map((rule) => [`image:${rule}`, reader])),
}
