// SPDX-License-Identifier: MIT
//
// Nothing: a program whose headers are compiled as those of test programs are.
int main() {}
