# SPDX-License-Identifier: MIT
#
# Input: ctest's LastTest.log. Prints, of each test whose name is in "names": the cases that failed,
# each from its first line on, or the last lines where no case says so.

BEGIN {
  count = split(names, list, " ")
  for (i = 1; i <= count; i++)
    wanted[list[i]] = 1
  most = 40
}

# The last lines of the case at hand, or of the whole output.
function show(title,    i) {
  printf "--- %s\n", title
  for (i = kept > most ? kept - most : 0; i < kept; i++)
    print line[i % most]
}

function keep(text) { line[kept++ % most] = text }

/^[0-9]+\/[0-9]+ Testing: / {
  test = $3
  inside = test in wanted
  kept = found = 0
  next
}
!inside { next }
/^<end of output>/ {
  if (!found)
    show(test)
  inside = 0
  next
}
/^\[ RUN      \]/ { kept = 0 }
{ keep($0) }
/^\[  FAILED  \] [^ ]+ \([0-9]+ ms\)/ || /^\[  FAILED  \] .*, where .* \([0-9]+ ms\)/ {
  show(test ": " $4)
  found = 1
  kept = 0
}
