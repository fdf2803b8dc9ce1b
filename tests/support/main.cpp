// Separate from doctest itself, which programs with their own `main` use, too, by the precompiled headers.
#include <doctest/doctest.h>

int main(int argc, char** argv) {
    return doctest::Context(argc, argv).run();
}
