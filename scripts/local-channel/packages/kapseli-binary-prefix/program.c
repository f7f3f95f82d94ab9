/* Prints the prefix that an installer wrote over the one compiled in, which is longer and padded with NUL. */
#include <stdio.h>

/* volatile: the compiler must read it at run time, not remember its length. */
static volatile const char prefix[] = PREFIX "/share/kapseli-binary-prefix";

int main(void) {
  for (const volatile char *c = prefix; *c != '\0'; c++)
    putchar(*c);
  putchar('\n');
  return 0;
}
