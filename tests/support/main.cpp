// Apart from doctest itself, which programs with a `main` of their own get, too: by the precompiled headers.
#include <doctest/doctest.h>

int main(int argc, char** argv) {
    return doctest::Context(argc, argv).run();
}
