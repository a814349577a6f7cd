#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
#
# embed.sh PAGE.html STYLE.css SCRIPT.js...: prints a header with the page as
# bytes, which refers to nothing outside of it: in the place of <link> stands the
# style, in that of the one <script> stand the scripts.
set -eu
export LC_ALL=C

page=$1 style=$2
shift 2

whole() {
  sed -n '/<link rel="stylesheet"/q;p' "$page"
  echo '<style>'
  cat "$style"
  echo '</style>'
  sed -n '/<link rel="stylesheet"/,/<script/{/<link rel="stylesheet"/d;/<script/d;p;}' "$page"
  echo '<script>'
  cat "$@"
  echo '</script>'
  sed -n '/<script/,$p' "$page" | sed 1d
}

cat <<'EOF'
// Made by embed.sh.
#include <stddef.h>
namespace evoke::scope {
inline constexpr unsigned char kPage[] = {
EOF
whole "$@" | od -An -v -tu1 -w20 | sed 's/^ *//; s/  */,/g; s/$/,/'
cat <<'EOF'
};
inline constexpr size_t kPageBytes = sizeof(kPage);
}  // namespace evoke::scope
EOF
