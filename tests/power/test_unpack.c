/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* So does overwriting with what a compressed update decodes to. */
#include "campaign.h"

int main(int argc, char **argv)
{
    static const enum story_strategy strategies[] = { STORY_UNPACK, STORY_UNPACK_FAST };

    return campaign_main(argc, argv, strategies, 2);
}
