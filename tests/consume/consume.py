#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Builds and runs the consumer project of this folder by one way: consume.py WAY --clone DIR --work DIR ..."""
import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ARCHITECTURES = "80-real;90a-real"


def run(*command, fails=False, **options):
    print("+", *command, flush=True)
    done = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          **options)
    print(done.stdout, flush=True)
    if (done.returncode != 0) != fails:
        sys.exit(f"{'passed' if fails else 'failed'} ({done.returncode}): {' '.join(map(str, command))}")
    return done.stdout


class Consumer:
    def __init__(self, arguments):
        self.cmake, self.clone, self.work = arguments.cmake, arguments.clone, arguments.work
        self.cuda = arguments.cuda == "1"
        shutil.rmtree(self.work, ignore_errors=True)
        self.work.mkdir(parents=True)

    def build(self, *options, source=HERE, cuda=None, env=None):
        cuda = self.cuda if cuda is None else cuda
        flags = ["-DCMAKE_BUILD_TYPE=Release", "-G", "Ninja"]
        if cuda:
            flags += ["-DCONSUME_CUDA=ON", f"-DCMAKE_CUDA_ARCHITECTURES={ARCHITECTURES}"]
        folder = self.work / "build"
        run(self.cmake, "-S", source, "-B", folder, *flags, *options, env=env)
        run(self.cmake, "--build", folder, env=env)
        output = run(folder / "consumer")
        if "right" not in output:
            sys.exit("the consumer computed something else")

    def install(self):
        """byteloom installed and then moved, so that no path of the build can be left in it."""
        folder = self.work / "byteloom-build"
        run(self.cmake, "-S", self.clone, "-B", folder, "-G", "Ninja", "-DBYTELOOM_BUILD_TESTS=OFF",
            "-DBYTELOOM_BUILD_EXAMPLES=OFF", "-DBYTELOOM_BUILD_BENCH=OFF",
            f"-DCMAKE_INSTALL_PREFIX={self.work / 'installed'}")
        run(self.cmake, "--build", folder, "--target", "install")
        moved = self.work / "moved"
        (self.work / "installed").rename(moved)
        shutil.rmtree(folder)
        return moved

    def subdirectory(self):
        self.build("-DCONSUME=subdirectory", f"-DBYTELOOM_CLONE={self.clone}")

    def fetch(self):
        self.build("-DCONSUME=fetch", f"-DBYTELOOM_CLONE={self.clone}")

    def package(self):
        self.build(f"-DCMAKE_PREFIX_PATH={self.install()}")

    def examples(self):
        moved = self.install()
        folder = self.work / "examples"
        # Outside the clone, so that nothing of it but its models is found.
        shutil.copytree(self.clone / "examples", self.work / "source", ignore=shutil.ignore_patterns("train"))
        output = run(self.cmake, "-S", self.work / "source", "-B", folder, "-G", "Ninja", f"-DCMAKE_PREFIX_PATH={moved}")
        self.expect(output, "no CMAKE_BUILD_TYPE is given, so it is Release")
        run(self.cmake, "--build", folder)
        run(folder / "03_your_policy")

    def components(self):
        moved = self.install()
        project = self.work / "project"
        project.mkdir()
        lists = project / "CMakeLists.txt"
        head = "cmake_minimum_required(VERSION 3.25)\nproject(p LANGUAGES CXX)\n"
        lists.write_text(head + "find_package(byteloom CONFIG REQUIRED COMPONENTS core)\n"
                         "if(TARGET Eigen3::Eigen OR TARGET nlohmann_json::nlohmann_json)\n"
                         "message(FATAL_ERROR \"core needs more than the standard library\")\nendif()\n")
        run(self.cmake, "-S", project, "-B", project / "core", f"-DCMAKE_PREFIX_PATH={moved}")
        lists.write_text(head + "find_package(byteloom CONFIG REQUIRED COMPONENTS cellar)\n")
        output = run(self.cmake, "-S", project, "-B", project / "cellar", f"-DCMAKE_PREFIX_PATH={moved}", fails=True)
        self.expect(output, "byteloom has no component 'cellar'; it has core, host, load and cuda.")
        lists.write_text(head + "find_package(byteloom 0.2 CONFIG REQUIRED)\n")
        output = run(self.cmake, "-S", project, "-B", project / "newer", f"-DCMAKE_PREFIX_PATH={moved}", fails=True)
        self.expect(output, 'compatible with requested version "0.2"')
        if self.cuda:
            lists.write_text(head + "find_package(byteloom CONFIG REQUIRED)\nfile(WRITE ${CMAKE_BINARY_DIR}/p.cpp \"\")\n"
                             "add_library(p ${CMAKE_BINARY_DIR}/p.cpp)\ntarget_link_libraries(p PRIVATE byteloom::cuda)\n")
            run(self.cmake, "-S", project, "-B", project / "cuda", f"-DCMAKE_PREFIX_PATH={moved}")
            text = lists.read_text().replace("find_package(byteloom CONFIG REQUIRED)", f"add_subdirectory({self.clone} b)")
            lists.write_text(text)
            run(self.cmake, "-S", project, "-B", project / "below")

    def expect(self, output, sentence):
        if sentence not in re.sub(r"\s+", " ", output):
            sys.exit(f"the sentence is missing: {sentence}")

    def architectures(self):
        if not self.cuda:
            print("skipped: there is no nvcc")
            sys.exit(77)
        moved = self.install()
        for architectures, sentence in (
                ("75", "contains 75, which is older than the Ampere GPUs (80) that byteloom needs"),
                ("90", "contains 90, which leaves out the instructions of Hopper GPUs"),
                ("80;90-real", "contains 90-real, which leaves out the instructions of Hopper GPUs"),
                (None, "older than the Ampere GPUs")):
            options = [f"-DCMAKE_PREFIX_PATH={moved}", "-DCONSUME_CUDA=ON", "-G", "Ninja"]
            options += [f"-DCMAKE_CUDA_ARCHITECTURES={architectures}"] if architectures else []
            folder = self.work / f"build-{architectures}".replace(";", "-")
            environment = {key: value for key, value in os.environ.items() if key != "CUDAARCHS"}
            self.expect(run(self.cmake, "-S", HERE, "-B", folder, *options, fails=True, env=environment), sentence)

    def conan(self):
        conan = shutil.which("conan")
        if conan is None:
            print("skipped: there is no conan on PATH (pip install conan)")
            sys.exit(1 if os.environ.get("BYTELOOM_REQUIRE_CONAN") else 77)
        home = self.work / "home"
        environment = dict(os.environ, CONAN_HOME=str(home), CMAKE_GENERATOR="Ninja")
        home.mkdir()
        profile = self.work / "profile"
        # Debian's Eigen and nlohmann_json stand in for Conan's: no network. The variables are what CMake 3.25.1 lacks.
        profile.write_text("[settings]\nos=Linux\narch=x86_64\ncompiler=gcc\ncompiler.version=12\n"
                           "compiler.libcxx=libstdc++11\ncompiler.cppstd=20\nbuild_type=Release\n"
                           "[platform_requires]\neigen/3.4.0\nnlohmann_json/3.11.2\n[conf]\n"
                           'tools.cmake.cmaketoolchain:extra_variables={"CMAKE_CUDA20_STANDARD_COMPILE_OPTION": '
                           '"-std=c++20", "CMAKE_CUDA20_EXTENSION_COMPILE_OPTION": "-std=c++20"}\n')
        output = run(conan, "create", self.clone, "--no-remote", f"-pr:a={profile}", env=environment)
        if "da39a3ee5e6b4b0d3255bfef95601890afd80709" not in output:
            sys.exit("the package id depends on settings, though the package is headers alone")
        version = re.search(r"byteloom/(\d+\.\d+\.\d+)", output).group(1)
        consumer = self.work / "consumer"
        shutil.copytree(HERE, consumer, ignore=shutil.ignore_patterns("__pycache__"))
        (consumer / "conanfile.txt").write_text(
            f"[requires]\nbyteloom/{version}\n[generators]\nCMakeToolchain\nCMakeDeps\n")
        run(conan, "install", consumer, "--no-remote", f"-pr:a={profile}", f"--output-folder={self.work / 'deps'}",
            env=environment)
        self.build(f"-DCMAKE_TOOLCHAIN_FILE={self.work / 'deps' / 'conan_toolchain.cmake'}", source=consumer)

    def vcpkg(self):
        packaging = self.clone / "cmake" / "packaging" / "vcpkg"
        run(self.cmake, f"-DWORK={self.work / 'vcpkg'}", "-P", packaging / "harness.cmake")
        self.build(f"-DCMAKE_PREFIX_PATH={self.work / 'vcpkg' / 'packages'}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("way")
    for option in ("clone", "work"):
        parser.add_argument(f"--{option}", type=pathlib.Path, required=True)
    parser.add_argument("--cmake", default="cmake")
    parser.add_argument("--cuda", default="0")
    arguments = parser.parse_args()
    getattr(Consumer(arguments), arguments.way)()


main()
