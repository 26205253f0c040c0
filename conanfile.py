# SPDX-License-Identifier: Apache-2.0
import os
import re

from conan import ConanFile
from conan.tools.build import check_min_cppstd
from conan.tools.cmake import CMake, CMakeToolchain
from conan.tools.files import copy, load


class ByteloomConan(ConanFile):
    name = "byteloom"
    license = "Apache-2.0"
    description = "Tokenization, attention and quantisation as composable C++20 and CUDA templates"
    topics = ("header-only", "cuda", "attention", "quantization", "tokenization")
    package_type = "header-library"
    settings = "os", "arch", "compiler", "build_type"
    exports_sources = "CMakeLists.txt", "LICENSE", "cmake/*", "include/*"
    no_copy_source = True
    # Consumers get byteloom's own package file, which finds CUDA where it is wanted: Conan has no package of it.
    requires = "eigen/3.4.0", "nlohmann_json/3.11.2"

    def set_version(self):
        header = load(self, os.path.join(self.recipe_folder, "include", "byteloom", "version.hpp"))
        self.version = ".".join(re.findall(r"#define BYTELOOM_VERSION_\w+ (\d+)", header))

    def validate(self):
        check_min_cppstd(self, 20)

    def generate(self):
        toolchain = CMakeToolchain(self)
        for option in ("TESTS", "EXAMPLES", "BENCH"):
            toolchain.cache_variables[f"BYTELOOM_BUILD_{option}"] = False
        toolchain.generate()

    def build(self):
        CMake(self).configure()

    def package(self):
        CMake(self).install()
        copy(self, "LICENSE", self.source_folder, os.path.join(self.package_folder, "licenses"))

    def package_id(self):
        self.info.clear()

    def package_info(self):
        self.cpp_info.set_property("cmake_find_mode", "none")
        self.cpp_info.builddirs = [os.path.join("share", "cmake", "byteloom")]
        self.cpp_info.bindirs = []
        self.cpp_info.libdirs = []
