/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Swap using offset survives a power cut at every point of an update and of its revert. */
#include "campaign.h"

int main(int argc, char **argv)
{
    static const enum story_strategy strategies[] = { STORY_OFFSET };

    return campaign_main(argc, argv, strategies, 1);
}
