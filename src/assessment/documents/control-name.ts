/** `sc-7.5` of the OSCAL catalog as SP 800-53 prints it: `SC-7(5)`. */
export function controlName(control: string): string {
  return control.toUpperCase().replace(/\.(\d+)$/, '($1)')
}
