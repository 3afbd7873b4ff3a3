/** Something the user can mend. The command line shows its message, one line without a stack, and exits with 1. */
export class CliError extends Error {
  override readonly name = "CliError";
}
