/** The words of an import's remark such as "forms_disagree: sform and qform …"; the code before them is for programs. */
export function remarkOf(warning: string): string {
  return warning.replace(/^[a-z0-9_]+: /, "");
}
