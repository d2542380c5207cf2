/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* smp_pages.h - SMP group 65: an upload of the image group that sends only the pages that differ.
 *
 * Bind it with the same ctx as the image group (struct dfu_smp_img, with sha256 set). The upload
 * begins, is identified, refused, resumed and ended by the image group; in between, a client asks
 * for the hashes of pages and tells the server to keep or copy those that are right already. The
 * bytes on the wire: docs/DIFFERENCE.md.
 *
 * A page is what can be erased by itself: a sector of the slot, or as many neighbours of the same
 * size as make DFU_SMP_PAGE_MIN bytes. Each request reads, or erases and writes, no more than the
 * limits below or one page. No state of its own: what is kept is read from flash, so that after a
 * reset or a power cut the hashes tell how much of the file is there. */
#ifndef DFU_SMP_PAGES_H
#define DFU_SMP_PAGES_H

#include "dfu/smp.h"
#include "dfu/smp_img.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DFU_SMP_GROUP_PAGES (DFU_SMP_GROUP_USER + 1)

enum dfu_smp_pages_id {
    DFU_SMP_PAGES_HASHES = 0, /* read */
    DFU_SMP_PAGES_TAKE = 1,   /* write: keep, or copy from the running slot */
};

enum dfu_smp_pages_err {
    DFU_SMP_PAGES_UNKNOWN = 1,
    DFU_SMP_PAGES_NO_UPLOAD = 2,   /* none is running */
    DFU_SMP_PAGES_NO_DIGEST = 3,   /* it has no whole "sha", so that nothing would check the end */
    DFU_SMP_PAGES_NOT_OFFERED = 4, /* the running image is encrypted where it came from */
    DFU_SMP_PAGES_NO_PAGE = 5,     /* off and len are not whole pages that can be taken */
    DFU_SMP_PAGES_READ_FAILED = 6,
};

#define DFU_SMP_PAGE_MIN       1024u
#define DFU_SMP_PAGE_HASH      8u            /* bytes of a page's SHA-256 */
#define DFU_SMP_PAGES_HASH_MAX (64u * 1024u) /* hashed for one request */
#define DFU_SMP_PAGES_COPY_MAX (8u * 1024u)  /* copied for one request */

extern const struct dfu_smp_group dfu_smp_group_pages;

#ifdef __cplusplus
}
#endif
#endif
