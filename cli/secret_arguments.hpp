#pragma once

namespace qck::cli {

/// Blots out, where they stand, the secrets among the arguments of the program, which anybody could
/// read in the list of processes: passwords in URLs and in `password=…` as libpq takes it, the
/// values of flags of tokens, what follows the name of the program in --count-cmd, and the query in
/// --count-url. Whoever needs them has copies. Seen for a moment all the same: better are the
/// variables QCK_….
void hide_secrets(int argc, char* argv[]);

}  // namespace qck::cli
