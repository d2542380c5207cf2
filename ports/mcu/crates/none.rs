// SPDX-License-Identifier: Apache-2.0
// Copyright the dfukit authors
//! A package needs a source file.
